// Package certs provides the serving certificate: from files that cert-manager
// keeps, or from an authority that fedmesh keeps itself where there is no
// cert-manager. Either way it is renewed without a restart.
//
// What does not belong here: anything about admission requests.
package certs
