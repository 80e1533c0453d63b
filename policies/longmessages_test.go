package policies

import (
	"strings"
	"testing"
)

// TestLongMessages: however long the names are, a finding fits into a warning.
func TestLongMessages(t *testing.T) {
	fixtures := loadFixtures(t, "testdata/FED*/fail/long*.yaml")
	if len(fixtures) < 7 {
		t.Fatalf("got %d fixtures; want those of seven rules at least", len(fixtures))
	}
	for _, fixture := range fixtures {
		for _, line := range fixture.findings(t, Catalogue()) {
			if _, text, _ := strings.Cut(line, " "); len(text) > MaxWarning {
				t.Errorf("%s: %d bytes; want %d at most: %s", fixture.path, len(text), MaxWarning, text)
			}
		}
	}
}
