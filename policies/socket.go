package policies

import (
	"fmt"
	"path"
	"slices"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/pods"
)

// workloadSocket is MUT1: the proxy finds the socket of SPIRE's Workload API
// where it looks for it. Without the socket the agent serves that path itself,
// with certificates of Istio's own authority and without a word
// (pkg/istio-agent/agent.go, Run and checkSocket).
//
// It is for pods that Istio has injected. Before that nobody knows whether
// there will be a proxy, in which of the two lists of containers, and whether
// its template can live with a volume that is there already.
func (m *podMutation) workloadSocket() (status string) {
	source := m.settings.Pods.WorkloadSocket
	if source.Type == v1alpha1.WorkloadSocketNone {
		return "off: pods.workloadSocket is None"
	}
	if second := leftover(m.pod); second != nil {
		m.findings = append(m.findings, leftoverFinding(m.pod, second))
	}
	if m.forbidden(source) {
		m.findings = append(m.findings, hostPathFinding(m.settings.PodSecurity, source))
		return fmt.Sprintf("skipped: namespace enforces Pod Security level %s, which forbids hostPath volumes", m.settings.PodSecurity)
	}
	var proxies, mounted int
	var kept *pods.Volume
	for i := range m.pod.Containers {
		c := &m.pod.Containers[i]
		if !m.injected || !c.IsProxy() {
			continue
		}
		proxies++
		if mount, volume := m.foreignMount(c, source); volume != nil {
			kept = volume
			m.removeMounts(c, mount)
			continue
		}
		mounted++
		m.mountSocket(c)
	}
	if proxies == 0 {
		return "waiting: no injected istio-proxy container"
	}
	if mounted > 0 {
		if volume := m.provideSocket(source); volume != nil {
			kept = volume
		}
	}
	wanted := describeSource(source)
	if kept == nil {
		return "applied: " + wanted
	}
	// FED601 warns of it, and may do more.
	return fmt.Sprintf("kept: volume %s is %s, not %s", pods.Shorten(string(kept.Name)), describeVolume(kept), wanted)
}

// forbidden reports whether the volume must not be added to an injected pod,
// because the API server would then refuse one that Istio alone gets through. A pod
// that has it already is the API server's to judge.
func (m *podMutation) forbidden(source v1alpha1.WorkloadSocket) bool {
	volume := m.pod.Volume(pods.SocketVolume)
	return forbidsSource(m.settings.PodSecurity, source) && len(injectedProxies(m.pod)) > 0 &&
		(volume == nil || !isSource(volume, source))
}

// describeSource names the configured source.
func describeSource(source v1alpha1.WorkloadSocket) string {
	if source.Type == v1alpha1.WorkloadSocketHostPath {
		return "hostPath " + pods.Shorten(source.Path)
	}
	return "CSI driver " + pods.Shorten(source.CSIDriver)
}

// describeVolume names a source that the volume has. Of one without any the API
// server makes an emptyDir.
func describeVolume(v *pods.Volume) string {
	switch {
	case len(v.Other) > 0:
		return pods.Shorten(string(v.Other))
	case v.HostPath:
		return "hostPath " + pods.Shorten(v.Directory)
	case v.CSI:
		return "CSI driver " + pods.Shorten(v.Driver)
	default:
		return "emptyDir"
	}
}

// isSource reports whether the volume has the configured source.
func isSource(v *pods.Volume, source v1alpha1.WorkloadSocket) bool {
	if source.Type == v1alpha1.WorkloadSocketHostPath {
		return v.HostPath && path.Clean(v.Directory) == path.Clean(source.Path)
	}
	return v.CSI && v.Driver == source.CSIDriver
}

// isForeign reports whether the volume has a source of the user's own choice.
// An emptyDir is no choice: Istio's template writes one, and the API server
// makes one of a volume without a source.
func isForeign(v *pods.Volume, source v1alpha1.WorkloadSocket) bool {
	if len(v.Other) > 0 || v.CSI && v.HostPath {
		return true
	}
	return (v.CSI || v.HostPath) && !isSource(v, source)
}

// foreignMount returns the mount by which the user put another volume where the
// socket belongs, and that volume, when its source is of the user's own choice.
func (m *podMutation) foreignMount(c *pods.Container, source v1alpha1.WorkloadSocket) (index int, foreign *pods.Volume) {
	for _, mount := range c.SocketMounts {
		if mount.Volume == pods.SocketVolume {
			continue
		}
		if volume := m.pod.Volume(mount.Volume); volume != nil && isForeign(volume, source) {
			return mount.Index, volume
		}
	}
	return 0, nil
}

// socketMount is a mount to be added.
type socketMount struct {
	Name      string `json:"name"`
	MountPath string `json:"mountPath"`
	ReadOnly  bool   `json:"readOnly"`
}

// mountSocket leaves the container exactly one mount of the socket. Istio's
// template mounts it at /var/run/…, its documentation at /run/…, and strategic
// merge knows mounts by their path, so that there may be both.
func (m *podMutation) mountSocket(c *pods.Container) {
	wanted := socketMount{Name: pods.SocketVolume, MountPath: pods.SocketDirectory, ReadOnly: true}
	list := c.Path + "/volumeMounts"
	switch {
	case len(c.SocketMounts) > 0:
	case c.HasMounts:
		m.add(list+"/-", wanted)
		return
	default:
		m.add(list, []socketMount{wanted})
		return
	}
	kept := c.SocketMounts[preferredMount(c.SocketMounts)]
	item := pods.Pointer(list+"/", kept.Index)
	if kept.Volume != pods.SocketVolume || kept.Part {
		m.replace(item, wanted) // in a part of the volume there is no socket
	} else {
		if kept.Path != pods.SocketDirectory {
			m.replace(item+"/mountPath", pods.SocketDirectory)
		}
		if !kept.ReadOnly {
			m.add(item+"/readOnly", true)
		}
	}
	m.removeMounts(c, kept.Index)
}

// preferredMount returns which of several mounts stays: the right volume at the
// right path, else the right volume, else the first.
func preferredMount(mounts []pods.Mount) int {
	exact := func(m pods.Mount) bool { return m.Volume == pods.SocketVolume && m.Path == pods.SocketDirectory }
	if i := slices.IndexFunc(mounts, exact); i >= 0 {
		return i
	}
	return max(0, slices.IndexFunc(mounts, func(m pods.Mount) bool { return m.Volume == pods.SocketVolume }))
}

// removeMounts removes the mounts at the socket's directory but one, from the
// last to the first so that the indices stay right.
func (m *podMutation) removeMounts(c *pods.Container, kept int) {
	for _, mount := range slices.Backward(c.SocketMounts) {
		if mount.Index != kept {
			m.remove(pods.Pointer(c.Path+"/volumeMounts/", mount.Index))
		}
	}
}

// volumeSource is a volume to be added, or the source that it is to have.
type (
	volumeSource struct {
		Name     string          `json:"name"`
		CSI      *csiSource      `json:"csi,omitempty"`
		HostPath *hostPathSource `json:"hostPath,omitempty"`
	}
	csiSource struct {
		Driver   string `json:"driver"`
		ReadOnly bool   `json:"readOnly"`
	}
	hostPathSource struct {
		Path string `json:"path"`
		Type string `json:"type"`
	}
)

// wantedVolume is the volume as it is where fedmesh adds it.
func wantedVolume(source v1alpha1.WorkloadSocket) volumeSource {
	if source.Type == v1alpha1.WorkloadSocketHostPath {
		// With the type Directory the pod waits for SPIRE's agent; without one
		// the runtime makes an empty directory on the node.
		return volumeSource{Name: pods.SocketVolume, HostPath: &hostPathSource{Path: source.Path, Type: "Directory"}}
	}
	// The driver publishes no volume that is not read-only (spiffe-csi,
	// pkg/driver/driver.go, NodePublishVolume).
	return volumeSource{Name: pods.SocketVolume, CSI: &csiSource{Driver: source.CSIDriver, ReadOnly: true}}
}

// provideSocket gives the volume its source. It returns the volume where the
// user chose another one, which is kept.
func (m *podMutation) provideSocket(source v1alpha1.WorkloadSocket) (kept *pods.Volume) {
	wanted := wantedVolume(source)
	current := m.pod.Volume(pods.SocketVolume)
	switch {
	case current == nil && m.pod.HasVolumes:
		m.add("/spec/volumes/-", wanted)
		return nil
	case current == nil:
		m.add("/spec/volumes", []volumeSource{wanted})
		return nil
	case isForeign(current, source):
		return current
	}
	item := pods.Pointer("/spec/volumes/", current.Index)
	if current.EmptyDir {
		m.remove(item + "/emptyDir") // the API server refuses two sources
	}
	switch {
	case isSource(current, source):
		if current.CSI && !current.ReadOnly {
			m.add(item+"/csi/readOnly", true)
		}
	case wanted.CSI != nil:
		m.add(item+"/csi", wanted.CSI)
	default:
		m.add(item+"/hostPath", wanted.HostPath)
	}
	return nil
}
