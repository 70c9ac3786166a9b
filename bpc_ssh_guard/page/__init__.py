"""Pages for people: one file of HTML that runs nothing, fetches nothing and hides nothing."""
