package policies

import "fedmesh.io/fedmesh/policies/mesh"

// Review is what a rule is asked about: an object as it will be stored and, for
// an update, as it is stored now.
type Review struct {
	// Object is the object under review.
	Object *mesh.Object
	// Old is the object that Object replaces; nil for one that is new, and
	// wherever there is no history, as in files.
	Old *mesh.Object
	// Deleted says that Object is being deleted. Only rules with Deletions are asked,
	// and nothing that they find is more than a warning.
	Deleted bool
	// Whole says that the Index holds the whole set of objects that there will be,
	// as on the command line: what is missing there is not about to come.
	Whole bool
	// Complete says more: that set is known to be the whole configuration of a
	// cluster, since it was given as one (--cluster) or read from it (--context). Of
	// files that are merely Whole nobody says that they are not a part, one team's of
	// many: what such a part seldom holds is better not missed there.
	Complete bool
	// Unlisted are the kinds whose objects the Index does not have, for nobody could
	// list them. Rules that ask about them are left out: what they do not see may well
	// be there.
	Unlisted mesh.Kinds
	// Exemptions are those of the time of the review; the zero value has none.
	Exemptions mesh.Exemptions
	// Live are other objects as the API server has them at this moment, where it
	// was asked; nil stands for one that is gone. They go before what the Index
	// knows, which lags behind. Rules ask the View, which answers from them.
	Live map[mesh.Ref]*mesh.Object
}
