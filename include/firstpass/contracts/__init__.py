"""What passes between rooms: frozen records, and the Protocols of the parts that other packages may bring."""
