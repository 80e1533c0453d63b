package policies

// Quote is a name or value as messages have it: whole where that is possible, else
// its beginning and its end.
func Quote(name string) string { return quote(name) }

// AndMore is the first of names and how many there are beside it.
func AndMore(names []string) string { return andMore(names) }
