package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/office"
)

// maxRecountFile is the largest recount list that is read, in bytes.
const maxRecountFile = 1 << 30

func officeSurveyCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{Use: "survey", Short: "опитування: перерахувати, перевірити файл питань / surveys"}
	root.AddCommand(officeSurveyRecountCommand(env), officeSurveyCheckCommand(env))
	return root
}

// officeSurveyRecountCommand needs nothing but the list: whoever has it can count again.
func officeSurveyRecountCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "recount FILE", Args: cobra.ExactArgs(1),
		Short: "перевірити відкритий перелік анонімного опитування й перерахувати його / check the public list of an anonymous survey and count it again",
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := env.ReadFile(args[0], maxRecountFile)
			if err != nil {
				return err
			}
			r, err := office.Recount(data)
			if err != nil {
				return cli.Hint(env.Err("перелік не сходиться: %v", "the list does not hold: %v", err),
					env.T("завантажте його зі сторінки результатів ще раз; якщо не сходиться знову, скажіть про це всім, кого питали", "download it from the page of results again; if it still does not hold, tell everybody who was asked"))
			}
			lang := env.T("uk", "en")
			env.Print("перелік сходиться: %s", "the list holds: %s", locale.Visible(r.Definition.Title.In(lang), 200))
			env.Print("запитали %d, видано бюлетенів %d, отримано відповідей %d", "asked %d, ballots given out %d, answers received %d", r.Eligible, r.Issued, r.Received)
			env.Print("SHA-256 ключа: %s", "SHA-256 of the key: %s", grouped(r.KeyHash[:]))
			if len(r.Questions) == 0 {
				env.Print("відповідей менше за %d, тому їх не оприлюднено", "fewer answers than %d, so none are published", office.MinGroup)
			}
			for i, q := range r.Questions {
				env.Print("%d. %s", "%d. %s", i+1, locale.Visible(q.Question.Text.In(lang), 200))
				for _, p := range q.Parts {
					indent := "   "
					if text := q.Question.PartText(p.Part, lang); text != "" {
						env.Print("   %s:", "   %s:", locale.Visible(text, 200))
						indent += "  "
					}
					for _, c := range p.Cells {
						if c.Count > 0 {
							env.Print("%s%d  %s", "%s%d  %s", indent, c.Count, locale.Visible(q.Question.CellText(c.Value, lang), 200))
						}
					}
					if p.Withheld > 0 {
						env.Print("%s%d  приховано", "%s%d  withheld", indent, p.Withheld)
					}
				}
			}
			return nil
		},
	}
}

// grouped is a hash as the service's pages show it.
func grouped(b []byte) string {
	digits := fmt.Sprintf("%x", b)
	var out []string
	for i := 0; i < len(digits); i += 4 {
		out = append(out, digits[i:i+4])
	}
	return strings.Join(out, " ")
}

func officeSurveyCheckCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Args: cobra.ExactArgs(1),
		Short: "перевірити файл питань, перш ніж завантажити його на сторінці / check a file of questions before it is uploaded",
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := env.ReadFile(args[0], office.MaxDefinition)
			if err != nil {
				return err
			}
			d, _, err := office.ParseDefinition(data)
			var f *office.DefinitionFault
			if errors.As(err, &f) {
				return cli.Hint(env.Err("%s: %s", "%s: %s", f.Where, env.T(f.UK, f.EN)), env.T("виправте назване місце", "mend the place that is named"))
			}
			if err != nil {
				return err
			}
			env.Print("файл добрий: сторінок %d, питань %d", "the file is good: %d pages, %d questions", len(d.Pages), len(d.Questions()))
			return nil
		},
	}
}
