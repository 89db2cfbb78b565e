package offices

import (
	"context"

	"github.com/posvid/posvid/office"
)

func (p *part) mountPlanning() error {
	var err error
	p.planner, err = office.OpenPlanner(context.Background(), p.c.Store)
	return err
}
