package policies

import (
	"bytes"
	"encoding/json"
	"strings"
)

// podStatus is the annotation fedmesh.io/status: for each mutation what holds
// for the pod, or why it was skipped. It describes the pod as it is once it is
// patched and says nothing of what this pass did: the same pod has the same
// status, whichever webhook ran before, and a second pass has nothing to write.
type podStatus struct {
	WorkloadSocket string `json:"workload-socket"`
	DNSCapture     string `json:"dns-capture"`
	NetworkLabel   string `json:"network-label"`
	Registration   string `json:"registration"`
}

// String returns the annotation's value: one line of JSON, with the keys in the
// order of the fields.
func (s podStatus) String() string {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err) // strings can always be encoded
	}
	return strings.TrimSuffix(buffer.String(), "\n")
}
