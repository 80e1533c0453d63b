package pods

// Volume is a volume and the sources that it has. Kubernetes refuses more than
// one in the end, but other webhooks can leave two behind.
type Volume struct {
	Index                   int
	Name                    []byte
	EmptyDir, CSI, HostPath bool
	Other                   []byte // name of a source of any other kind

	Driver    string // of the CSI source
	ReadOnly  bool   // of the CSI source
	Directory string // of the hostPath source
}

// Volume returns the volume of that name, or nil.
func (p *Pod) Volume(name string) *Volume {
	for i := range p.Volumes {
		if string(p.Volumes[i].Name) == name {
			return &p.Volumes[i]
		}
	}
	return nil
}

func (p *Pod) decodeVolumes(scanner *jsonScanner) (err error) {
	p.Volumes = make([]Volume, 0, 12)
	var decoded *Volume
	field := func(key []byte) error { return decoded.decodeField(scanner, key) }
	p.HasVolumes, err = scanner.list(func(index int) error {
		p.Volumes = append(p.Volumes, Volume{Index: index})
		decoded = &p.Volumes[index]
		_, err := scanner.object(field)
		return err
	})
	return err
}

func (v *Volume) decodeField(scanner *jsonScanner, key []byte) (err error) {
	present := scanner.PeekKind() != 'n' // a source that is null is none
	switch string(key) {
	case "name":
		v.Name, err = scanner.text()
	case "emptyDir":
		v.EmptyDir, err = present, scanner.skip()
	case "csi":
		v.Driver, v.ReadOnly = "", false
		v.CSI, err = scanner.object(func(key []byte) error { return v.decodeCSI(scanner, key) })
	case "hostPath":
		v.Directory = ""
		v.HostPath, err = scanner.object(func(key []byte) error { return v.decodeHostPath(scanner, key) })
	default:
		if present {
			v.Other = key
		}
		err = scanner.skip()
	}
	return err
}

func (v *Volume) decodeCSI(scanner *jsonScanner, key []byte) (err error) {
	switch string(key) {
	case "driver":
		var driver []byte
		driver, err = scanner.text()
		v.Driver = string(driver)
	case "readOnly":
		v.ReadOnly, err = scanner.boolean()
	default:
		err = scanner.skip()
	}
	return err
}

func (v *Volume) decodeHostPath(scanner *jsonScanner, key []byte) error {
	if string(key) != "path" {
		return scanner.skip()
	}
	directory, err := scanner.text()
	v.Directory = string(directory)
	return err
}
