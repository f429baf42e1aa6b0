"""RegistryPusher: registers the pushed model with its facts, and makes it champion or challenger."""
