"""What the package itself offers to scripts and notebooks; `import firstpass` is its front door."""
