package pods

import (
	"path"
	"strings"
)

// Names and paths that Istio gives to what its injector makes
// (pkg/kube/inject/inject.go, files/injection-template.yaml).
const (
	ProxyContainer = "istio-proxy"
	// InitContainer sets up the redirection of connections. Where Istio's CNI
	// plugin does that, ValidationContainer checks it.
	InitContainer       = "istio-init"
	ValidationContainer = "istio-validation"

	// imageAuto asks the injector for its own image (pkg/kube/inject/webhook.go,
	// AutoImage): the user declared the container, and it is not injected yet.
	imageAuto = "auto"

	// DNSCaptureVariable has the agent answer DNS, and NetworkVariable says from
	// which network the proxy sees others.
	DNSCaptureVariable = "ISTIO_META_DNS_CAPTURE"
	NetworkVariable    = "ISTIO_META_NETWORK"

	SocketVolume = "workload-socket"
	// SocketDirectory is where the agent looks for the Workload API socket
	// (pkg/security/security.go, WorkloadIdentityPath).
	SocketDirectory = "/var/run/secrets/workload-spiffe-uds"
)

// JSON pointers to the lists of containers.
const (
	containersPath     = "/spec/containers/"
	initContainersPath = "/spec/initContainers/"
)

// Container is a container that Istio's injector makes or extends.
type Container struct {
	Path        string // JSON pointer
	Index       int    // in its list
	Name, Image []byte

	HasEnvironment      bool
	DNSCapture, Network Variable

	HasMounts bool
	// SocketMounts are the mounts at SocketDirectory.
	SocketMounts []Mount
}

// Variable is a variable of a container's environment. Of several with one name
// the last counts, as for the kubelet.
type Variable struct {
	Present bool
	Index   int
	Value   string
	// Reference says that the value comes from valueFrom and is not known.
	Reference bool
}

// Mount is a mount at SocketDirectory.
type Mount struct {
	Index        int
	Volume, Path string
	ReadOnly     bool
	// Part says that not the volume is mounted but a path in it.
	Part bool
}

// IsProxy reports whether it is Istio's proxy, by its name.
func (c *Container) IsProxy() bool { return string(c.Name) == ProxyContainer }

// IsInit reports whether it is an init container, native sidecars included.
func (c *Container) IsInit() bool { return strings.HasPrefix(c.Path, initContainersPath) }

// decodeContainers returns the containers of Istio, and whether there are any
// containers at all.
func decodeContainers(scanner *jsonScanner, path string) (istio []Container, some bool, err error) {
	var decoded Container
	var environment, mounts []byte
	field := func(key []byte) (err error) {
		switch string(key) {
		case "name":
			decoded.Name, err = scanner.text()
		case "image":
			decoded.Image, err = scanner.text()
		case "env":
			environment, err = scanner.raw()
		case "volumeMounts":
			mounts, err = scanner.raw()
		default:
			err = scanner.skip()
		}
		return err
	}
	_, err = scanner.list(func(index int) error {
		some = true
		decoded, environment, mounts = Container{Index: index}, nil, nil
		if _, err := scanner.object(field); err != nil {
			return err
		}
		switch string(decoded.Name) {
		case ProxyContainer, InitContainer, ValidationContainer:
		default:
			return nil
		}
		decoded.Path = Pointer(path, index)
		if err := decoded.decodeEnvironment(environment); err != nil {
			return inField("env", err)
		}
		if err := decoded.decodeMounts(mounts); err != nil {
			return inField("volumeMounts", err)
		}
		istio = append(istio, decoded)
		return nil
	})
	return istio, some, err
}

func (c *Container) decodeEnvironment(raw []byte) (err error) {
	if raw == nil {
		return nil
	}
	scanner := scanJSON(raw)
	var name, value []byte
	var reference bool
	field := func(key []byte) (err error) {
		switch string(key) {
		case "name":
			name, err = scanner.text()
		case "value":
			value, err = scanner.text()
		case "valueFrom":
			reference = scanner.PeekKind() != 'n'
			err = scanner.skip()
		default:
			err = scanner.skip()
		}
		return err
	}
	c.HasEnvironment, err = scanner.list(func(index int) error {
		name, value, reference = nil, nil, false
		if _, err := scanner.object(field); err != nil {
			return err
		}
		switch string(name) {
		case DNSCaptureVariable:
			c.DNSCapture = Variable{Present: true, Index: index, Value: string(value), Reference: reference}
		case NetworkVariable:
			c.Network = Variable{Present: true, Index: index, Value: string(value), Reference: reference}
		}
		return nil
	})
	return err
}

func (c *Container) decodeMounts(raw []byte) (err error) {
	if raw == nil {
		return nil
	}
	scanner := scanJSON(raw)
	var name, mountPath []byte
	var readOnly, part bool
	field := func(key []byte) (err error) {
		switch string(key) {
		case "name":
			name, err = scanner.text()
		case "mountPath":
			mountPath, err = scanner.text()
		case "readOnly":
			readOnly, err = scanner.boolean()
		case "subPath", "subPathExpr":
			var text []byte
			text, err = scanner.text()
			part = part || len(text) > 0
		default:
			err = scanner.skip()
		}
		return err
	}
	c.HasMounts, err = scanner.list(func(index int) error {
		name, mountPath, readOnly, part = nil, nil, false, false
		if _, err := scanner.object(field); err != nil {
			return err
		}
		if isSocketDirectory(string(mountPath)) {
			c.SocketMounts = append(c.SocketMounts, Mount{
				Index: index, Volume: string(name), Path: string(mountPath), ReadOnly: readOnly, Part: part,
			})
		}
		return nil
	})
	return err
}

// isSocketDirectory reports whether a mount is at the directory of the socket.
// In Istio's images /var/run is a link to /run, so that both are one place;
// Istio's documentation and templates use either.
func isSocketDirectory(mountPath string) bool {
	if !strings.Contains(mountPath, "workload-spiffe-uds") {
		return false
	}
	clean := path.Clean(mountPath)
	return clean == SocketDirectory || "/var"+clean == SocketDirectory
}
