"""TF Object Detection API models: frozen graphs, and SavedModels of the API's second version."""
