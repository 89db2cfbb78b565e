package auth

func (p *part) mountAccounts() {}
