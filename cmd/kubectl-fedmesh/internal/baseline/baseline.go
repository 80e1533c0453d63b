// Package baseline leaves out of a report what an earlier one had already.
package baseline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
)

// Baseline is how many findings of a kind an earlier report had.
type Baseline map[key]int

// key is what makes two findings the same one.
type key struct {
	cluster, fingerprint string
}

// form is the part of a report in JSON, see package output, that is needed.
type form struct {
	Findings *[]struct {
		Cluster     string `json:"cluster"`
		Fingerprint string `json:"fingerprint"`
	} `json:"findings"`
}

// Read reads a report in JSON. An error names the file and says how to make one.
func Read(file string) (Baseline, error) {
	text, err := os.ReadFile(file)
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = fmt.Errorf("cannot read it: %w", path.Err)
	}
	var baseline Baseline
	if err == nil {
		baseline, err = parse(text)
	}
	if err != nil {
		return nil, fmt.Errorf(`--baseline=%s: %w; make one with "kubectl fedmesh lint --output=json PATH... > baseline.json"`, file, err)
	}
	return baseline, nil
}

func parse(text []byte) (Baseline, error) {
	if len(text) == 0 {
		return nil, errors.New("it is empty")
	}
	var report form
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("it is no report of lint in JSON: %w", err)
	}
	if report.Findings == nil {
		return nil, errors.New("it is no report of lint in JSON: it has no findings")
	}
	baseline := Baseline{}
	for i, finding := range *report.Findings {
		if finding.Fingerprint == "" {
			return nil, fmt.Errorf("findings[%d] has no fingerprint", i)
		}
		baseline[key{finding.Cluster, finding.Fingerprint}]++
	}
	return baseline, nil
}

// Apply leaves out of the report what the baseline has, as many of each as it has,
// and counts them. The baseline itself stays as it is.
func (b Baseline) Apply(report *lint.Report) {
	if len(b) == 0 {
		return
	}
	seen := map[key]int{}
	var fresh []lint.Finding
	for _, finding := range report.Findings {
		key := key{finding.Cluster, finding.Fingerprint()}
		if seen[key]++; seen[key] > b[key] {
			fresh = append(fresh, finding)
		}
	}
	report.Known += len(report.Findings) - len(fresh)
	report.Findings = fresh
}
