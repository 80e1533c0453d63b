// Package proxy asks istiod for the configuration that a proxy would get, and
// answers what the proxy would do with it: which addresses a host resolves to,
// which cluster a connection or a request goes to, which endpoints that cluster
// has and how TLS to them looks.
//
// It is a client of the aggregated discovery service, one stream for each
// snapshot. Nothing of a proxy runs, so what a snapshot says ends where Envoy's own
// choices begin that depend on bytes of a connection.
package proxy
