package vip

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"fedmesh.io/fedmesh/policies/mesh"
)

// Table writes holdings for people. There is a column for the cluster where any is
// named.
func Table(out io.Writer, holdings []Holding) error {
	clustered := false
	for _, holding := range holdings {
		clustered = clustered || holding.Cluster != ""
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(address, hosts, object, cluster, from, conflict string) {
		cells := []string{address, hosts, object, cluster, from, conflict}
		if !clustered {
			cells = slices.Delete(cells, 3, 4)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	row("ADDRESS", "HOSTS", "OBJECT", "CLUSTER", "FROM", "CONFLICT")
	for _, holding := range holdings {
		conflict := "-"
		if len(holding.Conflicts) > 0 {
			conflict = "with " + names(holding.Conflicts)
		}
		row(holding.Address.String(), cmp.Or(strings.Join(holding.Hosts, ","), "-"), holding.Ref.String(), holding.Cluster,
			string(holding.Source), conflict)
	}
	return table.Flush()
}

func names(refs []mesh.Ref) string {
	texts := make([]string, 0, len(refs))
	for _, ref := range refs {
		texts = append(texts, ref.String())
	}
	return strings.Join(texts, ", ")
}

// The form of holdings in JSON. It only ever grows.
type (
	jsonList struct {
		Addresses []jsonHolding `json:"addresses"`
	}
	jsonHolding struct {
		Address   string       `json:"address"`
		Hosts     []string     `json:"hosts"`
		Cluster   string       `json:"cluster"`
		Object    jsonObject   `json:"object"`
		Source    Source       `json:"source"`
		Conflicts []jsonObject `json:"conflicts"`
	}
	jsonObject struct {
		Group     string `json:"group"`
		Kind      string `json:"kind"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	}
)

// JSON writes holdings as one JSON object. Lists are never null.
func JSON(out io.Writer, holdings []Holding) error {
	list := jsonList{Addresses: []jsonHolding{}}
	for _, holding := range holdings {
		written := jsonHolding{
			Address: holding.Address.String(), Hosts: append([]string{}, holding.Hosts...), Cluster: holding.Cluster,
			Object: newJSONObject(holding.Ref), Source: holding.Source, Conflicts: []jsonObject{},
		}
		for _, ref := range holding.Conflicts {
			written.Conflicts = append(written.Conflicts, newJSONObject(ref))
		}
		list.Addresses = append(list.Addresses, written)
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(list)
}

func newJSONObject(ref mesh.Ref) jsonObject {
	return jsonObject{Group: ref.Kind.GroupKind().Group, Kind: ref.Kind.String(), Namespace: ref.Namespace, Name: ref.Name}
}
