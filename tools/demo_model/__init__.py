"""How the demo model of assets/demo-model was made: text, speech, training, evaluation, export (see README.md)."""
