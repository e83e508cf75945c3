"""Two drugs at once: which combination of doses is the MTD, or which contour of them."""
