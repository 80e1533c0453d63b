package schema

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// longest is how much of a name is shown, in bytes.
const longest = 64

// cut is a name that cannot stand in a line as it is: quoted, and only its beginning.
func cut(name string) string {
	if len(name) > longest {
		return strconv.Quote(name[:longest]) + "…"
	}
	return strconv.Quote(name)
}

// fix says what to do about a field that is not there: what it is most likely meant
// to be, else which there are.
func fix(expected *shape, name string) string {
	if len(name) > longest {
		return "take it out"
	}
	names := slices.Sorted(maps.Keys(expected.fields))
	if meant := nearest(name, names); meant != "" {
		return "write " + meant
	}
	if known := strings.Join(names, ", "); len(known) <= 60 {
		return "take it out, or use one of " + known
	}
	return "take it out"
}

// nearest returns the one of names that is most like name, and nothing where none is
// like it: up to a third of the letters may differ. Capitals, hyphens and underscores
// do not count.
func nearest(name string, names []string) string {
	plain := strings.NewReplacer("_", "", "-", "")
	folded := strings.ToLower(plain.Replace(name))
	best, least := "", max(1, len(folded)/3)+1
	for _, candidate := range names {
		if distance := distance(folded, strings.ToLower(candidate)); distance < least {
			best, least = candidate, distance
		}
	}
	return best
}

// distance is how many bytes have to be put in, taken out, changed or swapped with
// their neighbour to make b of a (the optimal string alignment distance).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			changed := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				changed++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, changed)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
