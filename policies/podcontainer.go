package policies

import (
	"path"
	"strings"
)

// Names and paths that Istio gives to what its injector makes
// (pkg/kube/inject/inject.go, files/injection-template.yaml).
const (
	proxyContainer      = "istio-proxy"
	initContainer       = "istio-init"
	validationContainer = "istio-validation"

	// imageAuto asks the injector for its own image (pkg/kube/inject/webhook.go,
	// AutoImage): the user declared the container, and it is not injected yet.
	imageAuto = "auto"

	dnsCaptureVariable = "ISTIO_META_DNS_CAPTURE"
	networkVariable    = "ISTIO_META_NETWORK"

	socketVolume = "workload-socket"
	// socketDirectory is where the agent looks for the Workload API socket
	// (pkg/security/security.go, WorkloadIdentityPath).
	socketDirectory = "/var/run/secrets/workload-spiffe-uds"
)

const initContainersPath = "/spec/initContainers/"

// container is a container that Istio's injector makes or extends.
type container struct {
	path        string // JSON pointer
	name, image []byte

	hasEnvironment      bool
	dnsCapture, network variable

	hasMounts bool
	// socketMounts are the mounts at socketDirectory.
	socketMounts []mount
}

// variable is a variable of a container's environment. Of several with one name
// the last counts, as for the kubelet.
type variable struct {
	present bool
	index   int
	value   string
	// reference says that the value comes from valueFrom and is not known.
	reference bool
}

// mount is a mount at socketDirectory.
type mount struct {
	index        int
	volume, path string
	readOnly     bool
	// part says that not the volume is mounted but a path in it.
	part bool
}

func (c *container) isProxy() bool { return string(c.name) == proxyContainer }

// isInit reports whether it is an init container, native sidecars included.
func (c *container) isInit() bool { return strings.HasPrefix(c.path, initContainersPath) }

// decodeContainers returns the containers of Istio, and whether there are any
// containers at all.
func decodeContainers(scanner *jsonScanner, path string) (istio []container, some bool, err error) {
	var decoded container
	var environment, mounts []byte
	field := func(key []byte) (err error) {
		switch string(key) {
		case "name":
			decoded.name, err = scanner.text()
		case "image":
			decoded.image, err = scanner.text()
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
		decoded, environment, mounts = container{}, nil, nil
		if _, err := scanner.object(field); err != nil {
			return err
		}
		switch string(decoded.name) {
		case proxyContainer, initContainer, validationContainer:
		default:
			return nil
		}
		decoded.path = pointer(path, index)
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

func (c *container) decodeEnvironment(raw []byte) (err error) {
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
	c.hasEnvironment, err = scanner.list(func(index int) error {
		name, value, reference = nil, nil, false
		if _, err := scanner.object(field); err != nil {
			return err
		}
		switch string(name) {
		case dnsCaptureVariable:
			c.dnsCapture = variable{present: true, index: index, value: string(value), reference: reference}
		case networkVariable:
			c.network = variable{present: true, index: index, value: string(value), reference: reference}
		}
		return nil
	})
	return err
}

func (c *container) decodeMounts(raw []byte) (err error) {
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
	c.hasMounts, err = scanner.list(func(index int) error {
		name, mountPath, readOnly, part = nil, nil, false, false
		if _, err := scanner.object(field); err != nil {
			return err
		}
		if isSocketDirectory(string(mountPath)) {
			c.socketMounts = append(c.socketMounts, mount{
				index: index, volume: string(name), path: string(mountPath), readOnly: readOnly, part: part,
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
	return clean == socketDirectory || "/var"+clean == socketDirectory
}
