"""From register-transfer designs to labelled placements by real tools; features and labels of any routed design."""
