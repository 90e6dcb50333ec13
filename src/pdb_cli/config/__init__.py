"""Settings: TOML file, environment and flags become one frozen value, each with its origin."""
