"""What `bpc-ssh-guardctl check` looks at, one module for each kind of thing."""
