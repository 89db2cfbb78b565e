// The reader of codes under this page's address, so that this page's service worker brings it offline.
import "/static/lib/scan-worker.js";
