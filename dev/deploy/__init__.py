"""From the sources to a stack: packages, licences, templates, deployments."""
