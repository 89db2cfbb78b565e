package offices

func (p *part) mountBallots() error { return nil }
