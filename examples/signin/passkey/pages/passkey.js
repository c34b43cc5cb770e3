// What a page does with passkeys. The cookies of the session are set by the answers.
const ask = async (path, body) => {
  const answer = await fetch(path, { method: "POST", body, headers: typeof body === "string" ? { "Content-Type": "application/json" } : {} });
  if (!answer.ok) throw new Error(answer.status + " " + (await answer.text()));
  return answer;
};

async function add() {
  const { publicKey } = await (await ask("/passkeys/begin")).json();
  const key = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
  await ask("/passkeys", JSON.stringify(key));
}

async function login() {
  const { publicKey } = await (await ask("/auth/passkey/begin")).json();
  const key = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
  await ask("/auth/passkey", JSON.stringify(key));
}

const says = document.querySelector("#says");
const on = (name, event, act) => document.querySelector(name).addEventListener(event, async (e) => {
  e.preventDefault();
  says.textContent = "";
  try {
    await act(e.target);
    const me = await fetch("/me");
    says.textContent = me.ok ? "You are logged in: " + (await me.text()) : "You are logged out.";
  } catch (err) {
    says.textContent = "Refused: " + err.message;
  }
});
on("#password", "submit", (form) => ask("/auth/login", new URLSearchParams(new FormData(form))));
on("#add", "click", add);
on("#login", "click", login);
on("#logout", "click", () => ask("/auth/logout"));
