package policies

// Catalogue lists all rules by ID.
func Catalogue() []Rule {
	return []Rule{
		vipConflict(),
	}
}
