// Runs before anything is drawn: a cross-fade between two pages that is cut short, as by a reload, is no fault.
addEventListener("unhandledrejection", (event) => {
  const { name, message = "" } = event.reason ?? {};
  if (name === "AbortError" && /transition/i.test(message)) event.preventDefault();
});
