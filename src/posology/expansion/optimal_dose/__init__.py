"""The optimal dose: toxicity and response of each patient weighed against each other, while doses are being found."""
