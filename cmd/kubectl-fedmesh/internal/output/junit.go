package output

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/mesh"
)

// The part of JUnit's XML that GitLab and Jenkins read
// (https://docs.gitlab.com/ci/testing/unit_test_reports/): of a test they take one
// failure, and of two tests with one name the first.
type (
	junitReport struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		junitCounts
		Suites []*junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Cases []*junitCase `xml:"testcase"`
	}
	junitCounts struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	junitCase struct {
		// Classname is what GitLab shows as the suite.
		Classname string        `xml:"classname,attr"`
		Name      string        `xml:"name,attr"`
		File      string        `xml:"file,attr,omitempty"`
		Error     *junitFailure `xml:"error"`
		Failure   *junitFailure `xml:"failure"`
		Output    string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the report as tests: a suite for each file, and in a fleet for each
// file of each cluster; a test for each object. Findings whose action fails make the
// test fail, others are its output. What could not be read is an error.
func JUnit(out io.Writer, report lint.Report, fails func(policies.Action) bool) error {
	tests := newJunitTests()
	for _, judged := range report.Judged {
		tests.object(judged.Cluster, judged.File, judged.Ref)
	}
	for _, finding := range report.Findings {
		test := tests.object(finding.Cluster, finding.File, finding.Ref)
		line := joined(place(finding), string(finding.Action)+" "+finding.Finding.String())
		if !fails(finding.Action) {
			test.Output = appendLine(test.Output, line)
			continue
		}
		test.Failure = cmp.Or(test.Failure, &junitFailure{Message: finding.String(), Type: finding.Rule})
		test.Failure.Text = appendLine(test.Failure.Text, line)
	}
	for _, problem := range report.Problems {
		name := "file"
		if problem.Line > 0 {
			name = fmt.Sprintf("line %d", problem.Line)
		}
		test := tests.named("", problem.File, name)
		test.Error = cmp.Or(test.Error, &junitFailure{Message: problem.Message, Type: "unreadable"})
		test.Error.Text = appendLine(test.Error.Text, problem.String())
	}
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(tests.count()); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\n")
	return err
}

func appendLine(text, line string) string {
	return strings.TrimPrefix(text+"\n"+line, "\n")
}

// junitTests finds tests by name.
type junitTests struct {
	report junitReport
	suites map[string]*junitSuite
	cases  map[[2]string]*junitCase
}

func newJunitTests() *junitTests {
	return &junitTests{
		report: junitReport{Name: "kubectl fedmesh lint"},
		suites: map[string]*junitSuite{}, cases: map[[2]string]*junitCase{},
	}
}

func (t *junitTests) object(cluster, file string, ref mesh.Ref) *junitCase {
	return t.named(cluster, file, ref.String())
}

// named returns the test with this name, a new one where there is none.
func (t *junitTests) named(cluster, file, name string) *junitCase {
	suite, path := joined(cluster, file), relative(file)
	if cluster == file { // read from the cluster
		suite, path = cluster, ""
	}
	if t.suites[suite] == nil {
		t.suites[suite] = &junitSuite{Name: suite}
		t.report.Suites = append(t.report.Suites, t.suites[suite])
	}
	key := [2]string{suite, name}
	if t.cases[key] == nil {
		t.cases[key] = &junitCase{Classname: suite, Name: name, File: path}
		t.suites[suite].Cases = append(t.suites[suite].Cases, t.cases[key])
	}
	return t.cases[key]
}

// count returns the report with its sums.
func (t *junitTests) count() junitReport {
	for _, suite := range t.report.Suites {
		for _, test := range suite.Cases {
			suite.Tests++
			switch {
			case test.Error != nil:
				suite.Errors++
			case test.Failure != nil:
				suite.Failures++
			}
		}
		t.report.Tests += suite.Tests
		t.report.Failures += suite.Failures
		t.report.Errors += suite.Errors
	}
	return t.report
}
