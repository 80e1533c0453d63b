// Package webhook is the live side of fedmesh: it takes admission requests,
// asks package policies, and answers.
//
// A request goes one way through the files: endpoint.go reads the
// AdmissionReview and answers what is none; pods.go patches pods, finished.go
// checks them after all mutators, objects.go and federations.go each answer
// requests for one kind of objects; response.go puts findings into Kubernetes'
// words, and report.go into the log. What they know comes from the index that
// package feed keeps and from the Configuration that federation_loader.go keeps;
// federation_status.go tells the user what became of it. assembly.go puts it all
// together and server.go runs it, on the manager of manager.go; readiness.go says
// when it may be asked, package certs provides the certificate, and metrics.go
// counts.
//
// Uniqueness is judged twice: by the rules, from the index, with what they find
// confirmed by the API server; and then, by uniqueness.go as the last step of
// objects.go, with the claims of package claims, which make it hold for requests
// that arrive at the same moment. claim_reporter.go tells of stored objects that
// share what only one may have. second.go keeps a second installation from
// starting, which would have claims of its own.
//
// What does not belong here: judgement of objects, which is for package
// policies, and flags and files, which are for cmd.
package webhook
