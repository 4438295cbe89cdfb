"""Pages of people: signing in and out, oneself, members and teams."""
