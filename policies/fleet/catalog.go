package fleet

// Catalogue lists all rules by ID.
func Catalogue() []Rule {
	return []Rule{
		noServingSide(),
		gatewayNotExposing(),
		portMismatch(),
		memberMismatch(),
		vipDiffers(),
		federationConfig(),
	}
}
