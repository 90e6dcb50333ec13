"""What the wwPDB archive is: ids, types, formats, layouts, mirrors. Pure knowledge, no I/O."""
