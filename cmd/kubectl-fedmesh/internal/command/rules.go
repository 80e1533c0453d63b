package command

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"fedmesh.io/fedmesh/cmd/kubectl-fedmesh/internal/lint"
	"fedmesh.io/fedmesh/policies"
)

func newRules() *cobra.Command {
	return &cobra.Command{
		Use:   "rules",
		Short: "List the rules",
		Example: `  kubectl fedmesh rules
  kubectl fedmesh rules | grep ServiceEntry`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "ID\tNAME\tACTION\tKINDS\tWHAT IS WANTED")
			for _, rule := range lint.Catalogue() {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", rule.ID, rule.Name, rule.Action, kinds(rule), rule.Summary)
			}
			return table.Flush()
		},
	}
}

func kinds(rule policies.Rule) string {
	var names []string
	for _, kind := range rule.Applies {
		names = append(names, kind.String())
	}
	return strings.Join(names, ",")
}

func newExplain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain RULE",
		Short: "Say why a rule is there, with a bad and a good example",
		Example: `  kubectl fedmesh explain FED105
  kubectl fedmesh explain vip-conflict`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRules,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, rule := range lint.Catalogue() {
				if strings.EqualFold(rule.ID, args[0]) || strings.EqualFold(rule.Name, args[0]) {
					return explain(cmd, rule)
				}
			}
			return fmt.Errorf("there is no rule %q: kubectl fedmesh rules lists them", args[0])
		},
	}
}

func explain(cmd *cobra.Command, rule policies.Rule) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %s\n\nAction: %s\nKinds:  %s\n\nWhy: %s\n\nFix: %s\n\nBad:\n\n%s\nGood:\n\n%s",
		rule.ID, rule.Name, rule.Summary, rule.Action, kinds(rule), rule.Doc.Why, rule.Doc.Fix, indent(rule.Doc.Bad), indent(rule.Doc.Good))
	return err
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}

func completeRules(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var completions []string
	if len(args) == 0 {
		for _, rule := range lint.Catalogue() {
			completions = append(completions, cobra.CompletionWithDesc(rule.ID, rule.Summary))
		}
	}
	return completions, cobra.ShellCompDirectiveNoFileComp
}
