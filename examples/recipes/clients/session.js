// The login of a page whose API is on another site. Both tokens are in memory only: a
// script that an attacker brings into the page can use them while the page is open, and
// finds nothing in localStorage, in a cookie or on the disk.
export function openSession(api, client = "web") {
  let access = "";
  let refresh = "";
  let refreshing = null; // one refresh for all calls that need one

  const post = (path, form) =>
    fetch(api + path, { method: "POST", body: new URLSearchParams({ client_id: client, ...form }), credentials: "omit" });

  async function keep(answer) {
    ({ access_token: access, refresh_token: refresh } = await answer.json());
  }

  async function renew() {
    const used = refresh;
    for (let wait = 1000; ; wait *= 4) {
      const answer = await post("/refresh", { refresh_token: used }).catch(() => null);
      if (used !== refresh) { // the user has logged out meanwhile: the new tokens end, too
        if (answer?.ok) await post("/logout", { refresh_token: (await answer.json()).refresh_token });
        throw new Error("logged out");
      }
      if (answer?.ok) return keep(answer);
      const said = answer?.status === 400 && (await answer.json().catch(() => null));
      if (said?.error === "invalid_grant") {
        access = refresh = "";
        throw new Error("logged out");
      }
      // No answer, 429 or 503: the login is as it was. The same token gets the same
      // answer for as long as the Grace of the client.
      if (wait > 20000) throw new Error("try again later");
      await new Promise((done) => setTimeout(done, wait));
    }
  }

  const send = (path, options, token) =>
    fetch(api + path, { ...options, headers: { ...options.headers, Authorization: "Bearer " + token }, credentials: "omit" });

  return {
    async login(username, password) {
      const answer = await post("/login", { username, password });
      if (answer.ok) await keep(answer);
      return answer.ok;
    },

    // call is fetch with the access token, and once more with a new one.
    async call(path, options = {}) {
      const used = access;
      const answer = await send(path, options, used);
      if (answer.status !== 401 || refresh === "") return answer;
      if (used === access) {
        refreshing ??= renew().finally(() => (refreshing = null));
        await refreshing;
      }
      return send(path, options, access);
    },

    async logout() {
      const token = refresh;
      access = refresh = "";
      await post("/logout", { refresh_token: token });
    },
  };
}
