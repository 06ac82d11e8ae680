"""What the live and the offline side share: notes, affect, features, bundles and the predictor."""
