package policies

import (
	"slices"
	"strconv"
)

// pod is what mutations need to know of a pod. Everything else in it is stepped
// over, and nothing is ever encoded again: patches address what they change by
// name or index.
type pod struct {
	hasMetadata         bool
	labels, annotations stringMap
	hostNetwork         bool

	// applications says whether spec.containers has any item.
	applications bool
	// containers are those of Istio in both lists, init containers first.
	containers []container

	hasVolumes bool
	volumes    []volume
}

// stringMap holds the labels or annotations of an object.
type stringMap struct {
	present bool
	entries []stringEntry
}

// stringEntry is a member of a stringMap. The value is JSON, a string or null.
type stringEntry struct{ key, value []byte }

// decodePod reads a pod. Errors name the field. Of members of one name the last
// counts, as for the library with which the API server applies patches.
func decodePod(raw []byte) (*pod, error) {
	scanner := scanJSON(raw)
	if scanner.PeekKind() != '{' {
		return nil, inField("pod", scanner.mistyped("an object"))
	}
	decoded := &pod{}
	_, err := scanner.object(func(key []byte) error {
		switch string(key) {
		case "metadata":
			return decoded.decodeMetadata(scanner)
		case "spec":
			return decoded.decodeSpec(scanner)
		default:
			return scanner.skip()
		}
	})
	if err == nil {
		err = scanner.end()
	}
	if err != nil {
		return nil, err
	}
	return decoded, nil
}

func (p *pod) decodeMetadata(scanner *jsonScanner) (err error) {
	p.labels, p.annotations = stringMap{}, stringMap{}
	p.hasMetadata, err = scanner.object(func(key []byte) error {
		switch string(key) {
		case "labels":
			return p.labels.decode(scanner)
		case "annotations":
			return p.annotations.decode(scanner)
		default:
			return scanner.skip()
		}
	})
	return err
}

func (p *pod) decodeSpec(scanner *jsonScanner) error {
	p.hostNetwork, p.applications, p.hasVolumes, p.volumes = false, false, false, nil
	var containers, initContainers []container
	_, err := scanner.object(func(key []byte) (err error) {
		switch string(key) {
		case "hostNetwork":
			p.hostNetwork, err = scanner.boolean()
		case "containers":
			containers, p.applications, err = decodeContainers(scanner, "/spec/containers/")
		case "initContainers":
			initContainers, _, err = decodeContainers(scanner, initContainersPath)
		case "volumes":
			err = p.decodeVolumes(scanner)
		default:
			err = scanner.skip()
		}
		return err
	})
	p.containers = append(initContainers, containers...)
	return err
}

func (m *stringMap) decode(scanner *jsonScanner) (err error) {
	m.entries = make([]stringEntry, 0, 12)
	m.present, err = scanner.object(func(key []byte) error {
		if c := scanner.PeekKind(); c != '"' && c != 'n' {
			return scanner.mistyped("a string")
		}
		value, err := scanner.raw()
		m.entries = append(m.entries, stringEntry{key: key, value: value})
		return err
	})
	return err
}

// lookup returns the value of a key.
func (m *stringMap) lookup(key string) (value string, present bool) {
	for _, entry := range slices.Backward(m.entries) {
		if string(entry.key) == key {
			if entry.value[0] == 'n' { // null
				return "", true
			}
			return string(unquote(entry.value)), true
		}
	}
	return "", false
}

// has reports whether the key is there.
func (m *stringMap) has(key string) bool {
	return slices.ContainsFunc(m.entries, func(entry stringEntry) bool { return string(entry.key) == key })
}

// volume is a volume and the sources that it has. Kubernetes refuses more than
// one in the end, but other webhooks can leave two behind.
type volume struct {
	index                   int
	name                    []byte
	emptyDir, csi, hostPath bool
	other                   []byte // name of a source of any other kind

	driver    string // of the CSI source
	readOnly  bool   // of the CSI source
	directory string // of the hostPath source
}

// volume returns the volume of that name, or nil.
func (p *pod) volume(name string) *volume {
	for i := range p.volumes {
		if string(p.volumes[i].name) == name {
			return &p.volumes[i]
		}
	}
	return nil
}

func (p *pod) decodeVolumes(scanner *jsonScanner) (err error) {
	p.volumes = make([]volume, 0, 12)
	var decoded *volume
	field := func(key []byte) error { return decoded.decodeField(scanner, key) }
	p.hasVolumes, err = scanner.list(func(index int) error {
		p.volumes = append(p.volumes, volume{index: index})
		decoded = &p.volumes[index]
		_, err := scanner.object(field)
		return err
	})
	return err
}

func (v *volume) decodeField(scanner *jsonScanner, key []byte) (err error) {
	present := scanner.PeekKind() != 'n' // a source that is null is none
	switch string(key) {
	case "name":
		v.name, err = scanner.text()
	case "emptyDir":
		v.emptyDir, err = present, scanner.skip()
	case "csi":
		v.driver, v.readOnly = "", false
		v.csi, err = scanner.object(func(key []byte) error { return v.decodeCSI(scanner, key) })
	case "hostPath":
		v.directory = ""
		v.hostPath, err = scanner.object(func(key []byte) error { return v.decodeHostPath(scanner, key) })
	default:
		if present {
			v.other = key
		}
		err = scanner.skip()
	}
	return err
}

func (v *volume) decodeCSI(scanner *jsonScanner, key []byte) (err error) {
	switch string(key) {
	case "driver":
		var driver []byte
		driver, err = scanner.text()
		v.driver = string(driver)
	case "readOnly":
		v.readOnly, err = scanner.boolean()
	default:
		err = scanner.skip()
	}
	return err
}

func (v *volume) decodeHostPath(scanner *jsonScanner, key []byte) error {
	if string(key) != "path" {
		return scanner.skip()
	}
	directory, err := scanner.text()
	v.directory = string(directory)
	return err
}

// pointer returns the JSON pointer to an item of a list.
func pointer(list string, index int) string { return list + strconv.Itoa(index) }
