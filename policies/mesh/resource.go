package mesh

// Resource is how API servers serve the objects of a kind.
type Resource struct {
	Kind Kind
	// Plural is the name of the kind in the paths of the API.
	Plural string
	// Versions in the order in which they are tried. Istio serves v1 since 1.22 and
	// EnvoyFilter in v1alpha3 only, Kubernetes IPAddress and ServiceCIDR in v1 since
	// 1.33.
	Versions []string
}

// Resource returns how API servers serve the objects of k; of the zero Kind it is
// empty.
func (k Kind) Resource() Resource {
	plural, versions := k.served()
	return Resource{Kind: k, Plural: plural, Versions: versions}
}

// Resources returns how API servers serve every kind that fedmesh knows, in the
// order of the kinds.
func Resources() []Resource {
	var resources []Resource
	for kind := Kind(1); kind < kindCount; kind++ {
		resources = append(resources, kind.Resource())
	}
	return resources
}

// Name is the resource in the form of kubectl and of CustomResourceDefinitions, with
// its group: serviceentries.networking.istio.io.
func (r Resource) Name() string {
	if group := r.Kind.GroupKind().Group; group != "" {
		return r.Plural + "." + group
	}
	return r.Plural
}

func (k Kind) served() (plural string, versions []string) {
	istio := []string{"v1", "v1beta1", "v1alpha3"}
	switch k {
	case ServiceEntry:
		return "serviceentries", istio
	case DestinationRule:
		return "destinationrules", istio
	case Sidecar:
		return "sidecars", istio
	case Gateway:
		return "gateways", istio
	case WorkloadEntry:
		return "workloadentries", istio
	case VirtualService:
		return "virtualservices", istio
	case EnvoyFilter:
		return "envoyfilters", []string{"v1alpha3"}
	case PeerAuthentication:
		return "peerauthentications", []string{"v1", "v1beta1"}
	case AuthorizationPolicy:
		return "authorizationpolicies", []string{"v1", "v1beta1"}
	case Service:
		return "services", []string{"v1"}
	case IPAddress:
		return "ipaddresses", []string{"v1", "v1beta1"}
	case ServiceCIDR:
		return "servicecidrs", []string{"v1", "v1beta1"}
	case Namespace:
		return "namespaces", []string{"v1"}
	case Pod:
		return "pods", []string{"v1"}
	case Certificate:
		return "certificates", []string{"v1"}
	case CertificateRequest:
		return "certificaterequests", []string{"v1"}
	case FederationExemption:
		return "federationexemptions", []string{"v1alpha1"}
	case FederationKind:
		return "federations", []string{"v1alpha1"}
	case ConfigMap:
		return "configmaps", []string{"v1"}
	case IstioOperator:
		return "istiooperators", []string{"v1alpha1"}
	case ClusterFederatedTrustDomain:
		return "clusterfederatedtrustdomains", []string{"v1alpha1"}
	case ClusterSPIFFEID:
		return "clusterspiffeids", []string{"v1alpha1"}
	}
	return "", nil
}
