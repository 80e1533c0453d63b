package mutate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	udiff "github.com/aymanbagabas/go-udiff"
	"sigs.k8s.io/yaml"
)

// YAML writes the workloads as documents of one file, with keys in order.
func YAML(out io.Writer, workloads []*Workload) error {
	for i, workload := range workloads {
		text, err := yaml.JSONToYAML(workload.Result)
		if err != nil {
			return err
		}
		separator := ""
		if i > 0 {
			separator = "---\n"
		}
		if _, err := fmt.Fprintf(out, "%s%s", separator, text); err != nil {
			return err
		}
	}
	return nil
}

// JSON writes the workloads as one List, however many there are.
func JSON(out io.Writer, workloads []*Workload) error {
	list := struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Items      []any  `json:"items"`
	}{"v1", "List", []any{}}
	for _, workload := range workloads {
		decoder := json.NewDecoder(bytes.NewReader(workload.Result))
		decoder.UseNumber() // a number stays as it was written
		var item any
		if err := decoder.Decode(&item); err != nil {
			return err
		}
		list.Items = append(list.Items, item)
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(list)
}

// Diff writes what fedmesh changes, as a unified diff of the YAML that YAML writes
// with and without fedmesh. There is nothing for what stays as it is.
func Diff(out io.Writer, workloads []*Workload) error {
	for _, workload := range workloads {
		before, err := yaml.JSONToYAML(workload.Document.JSON)
		if err != nil {
			return err
		}
		after, err := yaml.JSONToYAML(workload.Result)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s (%s", workload.Document.File, workload)
		// By lines: that is what is read.
		edits := udiff.Lines(string(before), string(after))
		diff, err := udiff.ToUnified(name+")", name+", with fedmesh)", string(before), edits, udiff.DefaultContextLines)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(out, diff); err != nil {
			return err
		}
	}
	return nil
}
