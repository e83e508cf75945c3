"""The pages of the trial room, one file each; :data:`posology.web.app.ROUTES` says at which address."""
