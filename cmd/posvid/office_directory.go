package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/office"
)

// officeStaffingCommand brings a staffing list without the editor's page. Without --apply it only says what the list would change.
func officeStaffingCommand(env *cli.Env) *cobra.Command {
	var edrpou string
	var apply bool
	command := &cobra.Command{
		Use: "staffing FILE", Args: cobra.ExactArgs(1),
		Short: "штатний розпис із CSV або XLSX: переглянути, з --apply ввести в дію / look at a staffing list, with --apply bring it into force",
		RunE: func(c *cobra.Command, args []string) error {
			data, err := env.ReadFile(args[0], office.MaxStaffingBytes)
			if err != nil {
				return err
			}
			folder, err := bodyFolderOf(env, edrpou)
			if err != nil {
				return err
			}
			if _, wrong, err := office.ParseStaffing(data); err != nil || len(wrong) > 0 {
				return wrongStaffing(env, wrong, err)
			}
			return withOffice(env, func(s office.Store) error {
				d, err := office.OpenDirectory(c.Context(), s)
				if err != nil {
					return err
				}
				if _, err := d.Body(c.Context(), folder.edrpou); errors.Is(err, office.ErrNotFound) { // before the service ran for the first time
					name, err := folder.name(c.Context())
					if err != nil {
						return err
					}
					if _, err := d.Fill(c.Context(), office.BodyEntry{EDRPOU: folder.edrpou, Name: name}, nil, env.Now()); err != nil {
						return err
					}
				} else if err != nil {
					return err
				}
				return bringStaffing(c, env, d, folder.edrpou, data, apply)
			})
		},
	}
	command.Flags().StringVar(&edrpou, "body", "", bodyFlagText)
	command.Flags().BoolVar(&apply, "apply", false, "ввести в дію / bring into force")
	return command
}

// wrongStaffing names every line that is not taken.
func wrongStaffing(env *cli.Env, wrong []office.StaffProblem, err error) error {
	var code office.StaffCode
	if errors.As(err, &code) {
		return env.Err("%s [%s]", "%s [%s]", code.Text(env.Lang), string(code))
	}
	if err != nil {
		return err
	}
	for _, p := range wrong {
		env.Say("%s [%s]", "%s [%s]", p.Text(env.Lang), string(p.Code))
	}
	return cli.Hint(env.Err("рядків із помилками: %d; чинний розпис не змінився", "wrong lines: %d; the list in force is as it was", len(wrong)), env.T("виправте їх у файлі й повторіть", "mend them in the file and repeat"))
}

func bringStaffing(c *cobra.Command, env *cli.Env, d *office.Directory, body string, data []byte, apply bool) error {
	l, err := d.AddStaffing(c.Context(), body, data, env.Now())
	if err != nil {
		return err
	}
	places, _, err := d.Staffing(c.Context(), body, env.Now())
	if err != nil {
		return err
	}
	changes := l.Changes(places)
	for _, one := range changes {
		env.Print("%[1]s · %[2]s: було %[3]s, буде %[4]s", "%[1]s · %[2]s: was %[3]s, will be %[4]s", one.Unit, one.Position, office.Count(one.Was), office.Count(one.Is))
	}
	env.Print("рядків %d, посад %s, змін %d", "lines %d, places %s, changes %d", len(l.Lines), office.Count(l.Places()), len(changes))
	if !apply {
		env.Say("нічого не змінено; щоб ввести в дію, додайте --apply", "nothing was changed; add --apply to bring it into force")
		return nil
	}
	if err := d.ApplyStaffing(c.Context(), body, l.ID, env.Now()); err != nil {
		return err
	}
	env.Print("введено в дію", "in force")
	return nil
}
