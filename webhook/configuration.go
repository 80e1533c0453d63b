package webhook

import (
	"sync/atomic"

	"fedmesh.io/fedmesh/policies/mesh"
)

// Configuration holds the federation's configuration that is in force. Readers
// take it once a request; a change is in force from the next request on.
type Configuration struct {
	current atomic.Pointer[mesh.Federation]
	loaded  atomic.Bool
}

// NewConfiguration returns a Configuration in which no Federation is declared.
func NewConfiguration() *Configuration {
	configuration := &Configuration{}
	configuration.current.Store(mesh.Undeclared())
	return configuration
}

// Current is the configuration in force. It is never nil.
func (c *Configuration) Current() *mesh.Federation { return c.current.Load() }

// Set puts a configuration in force.
func (c *Configuration) Set(federation *mesh.Federation) { c.current.Store(federation) }

// MarkLoaded says that it is known now what the cluster declares.
func (c *Configuration) MarkLoaded() { c.loaded.Store(true) }

// Loaded reports whether it is known what the cluster declares.
func (c *Configuration) Loaded() bool { return c.loaded.Load() }
