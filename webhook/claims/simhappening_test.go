package claims

// happening is something that schedules are there for.
type happening string

const (
	created           happening = "created"
	createdLate       happening = "created more than 30 s after the admission"
	recreated         happening = "created under a name that another object had"
	nameExists        happening = "let pass under a name that exists"
	updated           happening = "updated"
	updatedAgain      happening = "updated after another admission"
	staleOld          happening = "admitted against a stale version"
	keptWithOther     happening = "an address kept with other hosts"
	deleted           happening = "deleted"
	deletedLater      happening = "deleted later, for a finalizer"
	heldRefused       happening = "refused: held"
	pendingRefused    happening = "refused: pending"
	timedOut          happening = "let pass and timed out"
	tookOver          happening = "created in place of another"
	shared            happening = "an address shared"
	webhookCrashed    happening = "a webhook crashed"
	controllerCrashed happening = "a controller crashed"
	stoodStill        happening = "a process stood still"
	expired           happening = "an entry expired"
	dryRunAnswered    happening = "a dry-run checked"
	claimConflict     happening = "a claim written in between"
	// conflictKnown happens only where the protocol is passed by.
	conflictKnown happening = "objects that share what only one may have"
)

// happenings are all of them.
var happenings = []happening{
	created, createdLate, recreated, nameExists, updated, updatedAgain, staleOld, keptWithOther, deleted, deletedLater,
	heldRefused, pendingRefused, timedOut, tookOver, shared, webhookCrashed, controllerCrashed, stoodStill, expired,
	dryRunAnswered, claimConflict,
}
