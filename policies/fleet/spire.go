package fleet

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fedmesh.io/fedmesh/policies/mesh"
)

// registration is what is read of a ClusterSPIFFEID.
type registration struct {
	FederatesWith []string              `json:"federatesWith"`
	PodSelector   *metav1.LabelSelector `json:"podSelector"`
}

// registrationOf reads a ClusterSPIFFEID; nil when it cannot be read.
func registrationOf(object *mesh.Object) *registration {
	var read struct {
		Spec registration `json:"spec"`
	}
	if json.Unmarshal(object.Raw, &read) != nil {
		return nil
	}
	return &read.Spec
}

// selectsBy reports whether pods are selected by these labels and no others.
func (r *registration) selectsBy(labels map[string]string) bool {
	if r.PodSelector == nil || len(r.PodSelector.MatchExpressions) > 0 || len(r.PodSelector.MatchLabels) == 0 {
		return false
	}
	for key, value := range r.PodSelector.MatchLabels {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// federatedTrustDomain is the trust domain that a ClusterFederatedTrustDomain is for.
func federatedTrustDomain(object *mesh.Object) string {
	var read struct {
		Spec struct {
			TrustDomain string `json:"trustDomain"`
		} `json:"spec"`
	}
	if json.Unmarshal(object.Raw, &read) != nil {
		return ""
	}
	return read.Spec.TrustDomain
}
