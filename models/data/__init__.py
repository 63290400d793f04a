"""Pictures that networks are trained and measured with; no network here."""
