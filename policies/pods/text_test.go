package pods

import "testing"

func TestCut(t *testing.T) {
	tests := []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 10, "short"},
		{"exactly ten", 11, "exactly ten"},
		{"a little longer", 10, "a littl..."},
		{"ääääääää", 8, "ää..."},
	}
	for _, test := range tests {
		if got := Cut(test.text, test.limit); got != test.want {
			t.Errorf("Cut(%q, %d): got %q, want %q", test.text, test.limit, got, test.want)
		}
	}
}
