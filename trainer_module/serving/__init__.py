"""SavedModels, which clients load without this project, and exports in other formats."""
