package diia

import (
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
)

// docStatus are the codes by which Дія names the state of a document.
type docStatus int

// Codes of Дія's documents; only those that a service ID can have.
const (
	docOK             docStatus = 200
	docNoContent      docStatus = 204  // has a right to it and has not asked for it
	docNotFound       docStatus = 404  // the body does not know the person
	docNoPhoto        docStatus = 1010 // no portrait that can be used
	docInactive       docStatus = 1016 // suspended, or a term has passed or not begun
	docNoRequiredData docStatus = 1017 // what the ID has to say is missing
	docUpdating       docStatus = 1018 // being issued, or waits for a mended staff file
	docDestroyed      docStatus = 1050 // ended for good
)

// statusOf says how the document of one post stands. The order is the rule: what ended for good, what is live, what is missing.
func statusOf(h *held, at time.Time) docStatus {
	id, had := h.newest()
	reasons := h.post.Reasons(at)
	if h.post.Status == hr.StatusDismissed {
		if had {
			return docDestroyed
		}
		return docNotFound
	}
	switch {
	case had && id.State == issuer.StateSuspended:
		return docInactive
	case len(reasons) > 0:
		return statusOfReasons(reasons)
	case had && id.State == issuer.StateIssued && h.post.Enrolment.State != issuer.EnrolmentLive:
		return docDestroyed
	case had && id.State == issuer.StateIssued && !at.Before(id.ExpiresAt):
		return docInactive
	case had && id.State == issuer.StateIssued:
		return docOK
	case h.post.Blocked:
		return docUpdating
	case h.post.Enrolment.State == issuer.EnrolmentLive && !(had && id.State == issuer.StateRevoked && id.Holder == h.post.Enrolment.Thumb):
		return docUpdating // but never again with the key of a revoked ID
	case had && id.State == issuer.StateRevoked:
		return docDestroyed
	case had && id.State == issuer.StateExpired:
		return docInactive
	}
	return docNoContent
}

// statusOfReasons picks the gravest of the reasons why there is no right to an ID.
func statusOfReasons(reasons []hr.Reason) docStatus {
	out := docStatus(0)
	weight := map[docStatus]int{docNoPhoto: 1, docNoRequiredData: 2, docInactive: 3, docDestroyed: 4}
	for _, r := range reasons {
		s := docNoRequiredData
		switch r.Code {
		case hr.EmploymentEnded:
			s = docDestroyed
		case hr.NotActive, hr.PlasticExpired, hr.NotYetEmployed:
			s = docInactive
		case hr.NoPhoto, hr.BadPhoto, hr.PhotoTooLarge, hr.PhotoTooSmall, hr.PhotoShape, hr.PhotoAmbiguous, hr.PhotoShared:
			s = docNoPhoto
		}
		if weight[s] > weight[out] {
			out = s
		}
	}
	return out
}

// text is the status in words; lang "en" English, any other Ukrainian.
func (s docStatus) text(lang string) string {
	uk, en := "", ""
	switch s {
	case docOK:
		uk, en = "Документ дійсний", "The document is valid"
	case docNoContent:
		uk, en = "Посвідчення не замовлено", "The ID has not been asked for"
	case docNotFound:
		uk, en = "В органі не знайдено", "Not found in the body"
	case docNoPhoto:
		uk, en = "Немає фото", "No photo"
	case docInactive:
		uk, en = "Посвідчення зупинено або строк дії минув", "The ID is suspended or its term has passed"
	case docNoRequiredData:
		uk, en = "Бракує обовʼязкових даних", "Required data are missing"
	case docUpdating:
		uk, en = "Оновлюється", "Being updated"
	case docDestroyed:
		uk, en = "Анульовано", "Revoked"
	}
	if lang == "en" {
		return en
	}
	return uk
}
