package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RuleAction is what a finding leads to.
//
// +kubebuilder:validation:Enum="Off";Audit;Warn;Deny
type RuleAction string

// What a finding leads to.
const (
	// RuleOff switches the rule off.
	RuleOff RuleAction = "Off"
	// RuleAudit records the finding and lets the object pass in silence.
	RuleAudit RuleAction = "Audit"
	// RuleWarn warns and lets the object pass.
	RuleWarn RuleAction = "Warn"
	// RuleDeny refuses the object.
	RuleDeny RuleAction = "Deny"
)

// RuleSetting changes what findings of one rule lead to.
type RuleSetting struct {
	// ID of the rule, such as FED105.
	// +kubebuilder:validation:Pattern=`^FED[0-9]{3}$`
	ID string `json:"id"`

	// Action that its findings lead to.
	Action RuleAction `json:"action"`

	// NamespaceSelector restricts the setting to objects of the namespaces
	// whose labels match; absent, it holds everywhere.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
}
