// Inside Airflow's UI the page follows the theme chosen there; elsewhere the system's.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.style.colorScheme = theme;
} catch { /* a file opened from disk may have no storage */ }
