package policies

// Catalogue lists all rules by ID.
func Catalogue() []Rule {
	return []Rule{
		hostForm(),
		vipMissing(),
		vipUnusable(),
		vipRange(),
		vipConflict(),
		hostConflict(),
		location(),
		resolution(),
		endpointsMissing(),
		mutualTLS(),
		sni(),
		oneDefault(),
		emptySelector(),
		egressNamespace(),
		passthroughExposure(),
		workloadSocket(),
		dnsCapture(),
		networkLabel(),
		hostPath(),
		captureExclusion(),
		noProxy(),
	}
}
